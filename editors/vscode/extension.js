// Starts `derivant lsp` and connects it to the editor.  Without the client library, or without the server,
// there are still the colours.

const { window, workspace } = require("vscode");

let client;

exports.activate = async function (context) {
  let library;
  try {
    library = require("vscode-languageclient/node");
  } catch {
    window.showWarningMessage("Derivant: only colours. Run `npm install` in the folder of this extension for the language server.");
    return;
  }
  const [command, ...args] = workspace.getConfiguration("derivant").get("command");
  client = new library.LanguageClient("derivant", "Derivant", { command, args }, {
    documentSelector: [{ language: "derivant" }],
    synchronize: { fileEvents: workspace.createFileSystemWatcher("**/*.dv") },
  });
  context.subscriptions.push(client);
  try {
    await client.start();
  } catch (error) {
    window.showErrorMessage(`Derivant: ${command} did not start (${error.message}). Install it with: pip install 'derivant[lsp]'`);
  }
};

exports.deactivate = function () {
  return client && client.stop();
};

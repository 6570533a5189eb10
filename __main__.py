"""`python -m derivant` and the `derivant` command."""


def main() -> None:
    from .runtime.cli import main as run

    run()


if __name__ == "__main__":
    main()

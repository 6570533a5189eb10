"""What a program is, and how it becomes machine code."""

"""The command, one subcommand a file, loaded when it is called."""

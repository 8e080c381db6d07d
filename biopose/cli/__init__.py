"""The commands of the library, one file each; `command_line` holds what they share."""

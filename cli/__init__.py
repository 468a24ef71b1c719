"""The `sohoa` command. Knows flows, storage and schemas; whatever is heavy is imported when a command runs."""

"""Commands that edit pipes.toml: flavors, components, stacks."""

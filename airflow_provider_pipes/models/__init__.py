"""The contracts between the parts; import the module that you need."""

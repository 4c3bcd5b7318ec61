"""The pure reconcilers: each looks at a view and a time, and says what is to be done."""

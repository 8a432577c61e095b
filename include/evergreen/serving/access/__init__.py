"""Who may ask the gateway what, and how often: keys in a file that an operator keeps."""

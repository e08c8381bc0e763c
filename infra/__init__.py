"""What Interlock runs on, as files: no part of the product imports it."""

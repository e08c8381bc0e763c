"""What happened: event types, their envelope, their canonical bytes and their history of shapes."""

"""The client's side: its round, its training, its virtual data, what it keeps."""

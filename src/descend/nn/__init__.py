"""The modules of the lectures: what a network is. Nothing here knows that training exists."""

"""What no deploy of this project may do, as rules over a preview. No I/O but in the program that is started."""

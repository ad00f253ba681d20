"""Where runs execute: worker processes of this machine, their progress, and what is noted of place and time."""

"""Where runs execute: worker processes of this machine, their progress, and the record of where and when."""

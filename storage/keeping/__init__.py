"""What is kept: where objects lie and when they were hashed, retention, holds, disposal, handing over, backups."""

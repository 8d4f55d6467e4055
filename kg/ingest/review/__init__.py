"""What people decide: proposed merges, conflicts between sources, mere mentions, refused rows."""

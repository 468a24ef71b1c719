"""Units, users, their roles and how they are recognised."""

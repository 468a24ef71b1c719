"""What people and other systems reach over the network: REST API and pages. Knows flows, storage and schemas."""

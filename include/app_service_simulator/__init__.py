"""A stand-in for Azure App Service, Resource Manager, Entra ID and Azure Monitor, on this machine only."""

"""The managed nats-server, its folder and its tenants.

Others use: `managed.NatsServer`, `managed.server_binary`, `tenant.Tenant`, `tenant.UserName`.
"""

select (select system_identifier::text from pg_catalog.pg_control_system()) as system_identifier,
       pg_catalog.current_database()::text as database,
       pg_catalog.host(pg_catalog.inet_server_addr()) as host,
       pg_catalog.inet_server_port() as port

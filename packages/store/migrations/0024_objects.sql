-- Which messages an archived object belongs to is asked when objects that no row names are looked for.
create index message_by_object on message (object_digest) where object_digest is not null;

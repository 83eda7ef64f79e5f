-- Message types, listeners and senders of HL7 v2.

-- IANA zone of times that name no offset; before utc_offset_minutes.
alter table source add column time_zone text;

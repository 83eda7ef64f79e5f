-- Lineage is derived from what rows say already; a message about two patients is found through stays and links.
create index stay_event_by_message on stay_event (tenant, message_id);
create index patient_link_by_message on patient_link (tenant, message_id);

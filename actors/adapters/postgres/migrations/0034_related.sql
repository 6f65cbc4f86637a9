-- What records speak of, the most telling first. A query asks for it, and planning the statement for
-- its ten records takes ten times as long as running it: so it is planned once a connection, which
-- the server does of itself only where it takes the plan for any values to be no worse. That plan
-- outlives the moment when tables are empty, when reading them whole looks best: so by indexes.
CREATE FUNCTION headrace_related(
    records UUID[], principals TEXT[], role_order TEXT[], kind_order TEXT[], most BIGINT
) RETURNS TABLE (record_id UUID, entity_id UUID, kind TEXT, entity_name TEXT, roles TEXT[])
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT ranked.record_id, ranked.entity_id, ranked.kind, ranked.entity_name, ranked.roles
    FROM (
        SELECT spoken.*, row_number() OVER (
            PARTITION BY spoken.record_id
            ORDER BY entity_name IS NULL, role_at, array_position(kind_order, spoken.kind),
                     entity_name, entity_id
        ) AS place
        FROM (
            SELECT mention.record_id, identity.entity_id, identity.kind, identity.entity_name,
                   array_agg(DISTINCT mention.role) AS roles,
                   min(array_position(role_order, mention.role)) AS role_at
            FROM mentions AS mention
            JOIN descriptions AS description ON description.id = mention.description_id
            JOIN identities AS identity ON identity.id = description.identity_id
            JOIN parsed_content AS record ON record.id = mention.record_id
            WHERE mention.record_id = ANY(records)
              AND (principals IS NULL OR record.visibility && principals)
            GROUP BY mention.record_id, identity.entity_id, identity.kind, identity.entity_name
        ) AS spoken
    ) AS ranked
    WHERE place <= most
    ORDER BY ranked.record_id, place;
END
$$;

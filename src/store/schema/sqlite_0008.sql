-- Of whom nothing is erased or forgotten for its age, and until when: by a hold that somebody placed, while a case is
-- open, while an own appeal is open, and a seller of whom a buyer is afraid. The buyer may always go.
CREATE VIEW held (party, until) AS
    SELECT party, until FROM hold
    UNION ALL
    SELECT c.buyer, NULL FROM dispute d JOIN conversation c ON c.num = d.conversation WHERE d.decided IS NULL
    UNION ALL
    SELECT c.seller, NULL FROM dispute d JOIN conversation c ON c.num = d.conversation WHERE d.decided IS NULL
    UNION ALL
    SELECT v.party, NULL FROM appeal a JOIN violation v ON v.id = a.violation WHERE a.decided IS NULL
    UNION ALL
    SELECT seller, NULL FROM fear;

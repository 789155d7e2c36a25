// Takes a moment, so that a process may die in the middle of a step.
export const WORK = "UPDATE note SET text = text WHERE (WITH RECURSIVE c (x) " +
  "AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 100000) " +
  "SELECT count(*) FROM c) > 0";

-- The last day on which a package was used, as far as a gc has seen: the day of the last install of a project that needed
-- it, in days since 1970. Nobody can ask a project that is gone any more, and this is what remains of it. 0: no gc has
-- seen the package needed.
ALTER TABLE packages ADD COLUMN used_day INTEGER NOT NULL DEFAULT 0;

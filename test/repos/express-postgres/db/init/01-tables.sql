-- What the official image runs on its first start.
CREATE TABLE items (id serial PRIMARY KEY, name text NOT NULL);
CREATE FUNCTION shout(words text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  RETURN upper(words) || '!';
END;
$$;

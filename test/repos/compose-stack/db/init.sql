CREATE TABLE goods (name text PRIMARY KEY, price integer NOT NULL);
INSERT INTO goods VALUES ('apples', 3), ('pears', 4);

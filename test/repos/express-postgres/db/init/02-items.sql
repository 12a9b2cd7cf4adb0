COPY items (name) FROM stdin;
a lamp; a chair
a table
\.

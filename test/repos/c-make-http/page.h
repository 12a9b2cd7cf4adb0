const char *make_page(void);

/* A newer libuserns.so.0 with one more function, see newer_library.map. */

const char *userns_version(void);
int userns_added(void);

const char *userns_version(void)
{
    return "0.9.0";
}

int userns_added(void)
{
    return 0;
}

/* /bin/true of an emulated machine. */
int main(void)
{
    return 0;
}

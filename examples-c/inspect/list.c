/* --list: a line for each namespace. */
#include "inspect.h"
#include <stdlib.h>

/* Prints the lines: with alignment, once the widths of all cells are known. */
static void print_cells(const struct columns *columns, char *const *cells, size_t rows)
{
    int widths[sizeof columns->at] = { 0 };
    size_t count = columns->count;

    for (size_t i = 0; i < rows * count && !columns->raw; i++)
        if (columns_in(cells[i]) > widths[i % count])
            widths[i % count] = columns_in(cells[i]);
    for (size_t i = 0; i < rows * count; i++) {
        int padding = columns->raw ? 0 : widths[i % count] - columns_in(cells[i]);
        bool is_last = i % count + 1 == count;
        bool is_right = is_number(columns->at[i % count]);

        printf("%*s%s", is_right ? padding : 0, "", cells[i]);
        printf("%*s%s", is_right || is_last ? 0 : padding, "", is_last ? "\n" : " ");
    }
}

/* The branches that match, without the others in between. */
static size_t flatten(const struct branch *trunk, struct branch *rows, size_t count)
{
    for (size_t i = 0; i < trunk->child_count; i++) {
        struct branch *row = &rows[count];

        if (trunk->children[i].matches) {
            const pid_t *pids = userns_pids(trunk->children[i].node, &row->processes);
            row->node = trunk->children[i].node;
            row->first = row->processes > 0 ? pids[0] : 0;
            count++;
        }
        count = flatten(&trunk->children[i], rows, count);
    }
    return count;
}

/* Writes the cells of the headings and of each row. Returns the number of lines. */
static size_t write_cells(const struct view *view, const struct columns *columns,
                          const struct branch *rows, size_t count, char **cells)
{
    size_t lines = 0;

    if (!columns->no_headings) {
        for (size_t i = 0; i < columns->count; i++)
            cells[i] = heading_of(columns->at[i]);
        lines = 1;
    }
    for (size_t row = 0; row < count; row++, lines++)
        for (size_t i = 0; i < columns->count; i++)
            cells[lines * columns->count + i] =
                cell_of(view, rows[row].node, columns->at[i], columns->raw ? WORD : QUOTED);
    return lines;
}

void print_list(const struct view *view, const struct columns *columns,
                const struct userns_node *const *nodes, size_t count)
{
    struct columns shown = *columns;
    struct branch trunk = { .node = NULL }, *rows;
    size_t all, lines;
    char **cells;

    if (shown.count == 0)
        parse_columns("+", &shown);
    userns_nodes(view->snapshot, &all);
    rows = allocate(all, sizeof *rows);
    cells = allocate((all + 1) * shown.count, sizeof *cells);
    grow_branches(view, &trunk, nodes, count);
    count = flatten(&trunk, rows, 0);
    cut_branches(&trunk);
    if (view->sorted)
        sort_branches(view, rows, count);
    lines = write_cells(view, &shown, rows, count, cells);
    print_cells(&shown, cells, lines);
    for (size_t i = 0; i < lines * shown.count; i++)
        free(cells[i]);
    free(cells);
    free(rows);
}

/// One row of a terminal with a cursor in it.
package struct LineDisplay: Equatable, Sendable {
    /// Safe to print; fewer columns than the terminal has, so nothing wraps.
    package let row: String
    /// From 0.
    package let cursorColumn: Int

    /// `row` must be safe text.
    package init(row: String, cursorColumn: Int) {
        self.row = row
        self.cursorColumn = cursorColumn
    }
}

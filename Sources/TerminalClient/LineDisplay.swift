import Wire

/// One row of a terminal with a cursor in it.
package struct LineDisplay: Equatable, Sendable {
    /// Safe to print; fewer columns than the terminal has, so nothing wraps.
    package let row: String
    /// From 0.
    package let cursorColumn: Int

    /// A row that is safe to print and narrower than the terminal.
    package init(row: String, cursorColumn: Int) {
        self.row = row
        self.cursorColumn = cursorColumn
    }

    /// What a row shows of a grapheme cluster.
    private struct Cell {
        let text: String
        let columns: Int
    }

    /// Shows `line` behind a prompt. A line that is too wide is scrolled so that the cursor is in sight, and marks
    /// stand where it goes on. The prompt takes at most half of the row.
    init(prompt: SafeText, line: LineBuffer, width: Int) {
        // The last column stays free: a character there makes some terminals wrap.
        let available = max(0, width - 1)
        let shownPrompt = DisplayWidth.prefix(of: prompt.text, columns: available / 2)
        let promptColumns = DisplayWidth.columns(of: shownPrompt)
        let before = line.text[..<line.cursor].flatMap(LineDisplay.cells)
        let cells = before + line.text[line.cursor...].flatMap(LineDisplay.cells)
        let window = Window(
            width: available - promptColumns, cursor: before.reduce(0) { $0 + $1.columns },
            total: cells.reduce(0) { $0 + $1.columns })
        row = shownPrompt + window.show(cells)
        cursorColumn = min(available, promptColumns + window.cursor - window.start)
    }

    /// A cluster of this many scalars is no letter of any language, but meant to spill over its neighbours.
    private static let clusterScalarsMax = 32

    private static func cells(of cluster: Character) -> [Cell] {
        if let byte = cluster.asciiValue, (0x20..<0x7F).contains(byte) {
            return [Cell(text: String(cluster), columns: 1)]
        }
        switch cluster {
        case "\n", "\r\n": return [Cell(text: "⏎", columns: 1)]
        case "\t": return [Cell(text: "⇥", columns: 1)]
        default: break
        }
        var scalars = String.UnicodeScalarView()
        scalars.append(contentsOf: cluster.unicodeScalars.prefix(clusterScalarsMax))
        return SafeText(String(scalars)).text.map { character in
            let columns = DisplayWidth.columns(of: String(character))
            // A mark without its letter would sit on whatever stands before it.
            return columns > 0
                ? Cell(text: String(character), columns: columns) : Cell(text: "◌\(character)", columns: 1)
        }
    }

    /// The columns of the line that are in sight.
    private struct Window {
        let width: Int
        let cursor: Int
        let total: Int
        let start: Int

        /// Scrolls by half a window, so the same cursor always has the same window and typing seldom moves it.
        init(width: Int, cursor: Int, total: Int) {
            self.width = width
            self.cursor = cursor
            self.total = total
            let step = max(1, (width - 2) / 2)
            let isInFirst = total <= width || cursor < width - 2
            start = isInFirst ? 0 : max(0, cursor / step - 1) * step
        }

        func show(_ cells: [Cell]) -> String {
            let hasMarks = width >= 4
            let isCutLeft = hasMarks && start > 0
            let isCutRight = hasMarks && total > start + width
            let first = start + (isCutLeft ? 1 : 0)
            let end = start + width - (isCutRight ? 1 : 0)
            var row = isCutLeft ? "‹" : ""
            var column = 0
            var shown = first
            for cell in cells {
                if column + cell.columns > end { break }
                if column >= first {
                    // Half of a wide character was cut off.
                    row += String(repeating: " ", count: column - shown) + cell.text
                    shown = column + cell.columns
                }
                column += cell.columns
            }
            return isCutRight ? row + String(repeating: " ", count: end - shown) + "›" : row
        }
    }
}

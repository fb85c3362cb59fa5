import Glibc
import Wire

/// The readings of all rounds, by row and figure, in the order in which they first came.
struct Report {
    struct Row {
        let scenario: String
        let figure: String
        let unit: String
        var values: [Double] = []

        var median: Double {
            let sorted = values.sorted()
            guard let last = sorted.last else { return 0 }
            let middle = sorted.count / 2
            return sorted.count.isMultiple(of: 2)
                ? (sorted[middle - 1] + sorted[middle]) / 2 : min(sorted[middle], last)
        }
        var least: Double { values.min() ?? 0 }
        var most: Double { values.max() ?? 0 }
    }

    private(set) var rows: [Row] = []

    mutating func add(_ readings: [Reading], of scenario: String) {
        for reading in readings {
            let place = rows.firstIndex { $0.scenario == scenario && $0.figure == reading.figure }
            let index = place ?? rows.count
            if place == nil { rows.append(Row(scenario: scenario, figure: reading.figure, unit: reading.unit)) }
            rows[index].values.append(reading.value)
        }
    }

    /// The median over the rounds of this cost in pings of the same round; nil for what is no cost of a load, or
    /// where pings were not measured.
    func ratio(of row: Row) -> Double? {
        guard row.figure == Reading.cost, row.scenario != "ping",
            let floor = rows.first(where: { $0.scenario == "ping" && $0.figure == Reading.cost })
        else { return nil }
        let ratios = zip(row.values, floor.values).filter { $1 > 0 }.map { $0 / $1 }
        return Row(scenario: "", figure: "", unit: "", values: ratios).median
    }

    /// A table for people.
    var text: String {
        var lines = [Report.line("row", "figure", "median", "unit", "least..most", "in pings")]
        var last = ""
        for row in rows {
            if row.scenario != last, !last.isEmpty { lines.append("") }
            let name = row.scenario == last ? "" : row.scenario
            last = row.scenario
            let spread = "\(Report.number(row.least))..\(Report.number(row.most))"
            let ratio = ratio(of: row).map { Report.number($0) } ?? ""
            lines.append(Report.line(name, row.figure, Report.number(row.median), row.unit, spread, ratio))
        }
        return lines.joined(separator: "\n")
    }

    private static func line(
        _ name: String, _ figure: String, _ median: String, _ unit: String, _ spread: String, _ ratio: String
    ) -> String {
        let cells = [
            padded(name, 18), padded(figure, 26), padded(median, -12), padded(unit, 20), padded(spread, 24), ratio,
        ]
        var text = cells.joined(separator: "  ")
        while text.last == " " { text.removeLast() }
        return text
    }

    /// A negative width puts the text to the right.
    private static func padded(_ text: String, _ width: Int) -> String {
        let gap = String(repeating: " ", count: max(0, abs(width) - text.count))
        return width < 0 ? gap + text : text + gap
    }

    /// Three significant digits at least: 0.123, 12.3, 1,234.
    static func number(_ value: Double) -> String {
        guard value >= 0 else { return "-" + number(-value) }
        let decimals = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3
        let scale = [1.0, 10, 100, 1000][decimals]
        guard let scaled = Int(exactly: (value * scale).rounded()) else { return "\(value)" }
        let (whole, part) = (scaled / Int(scale), scaled % Int(scale))
        var digits = String(whole)
        var place = digits.count - 3
        while place > 0 {
            digits.insert(",", at: digits.index(digits.startIndex, offsetBy: place))
            place -= 3
        }
        guard decimals > 0 else { return digits }
        let fraction = String(part)
        return digits + "." + String(repeating: "0", count: decimals - fraction.count) + fraction
    }

    /// One JSON object a line: the run, then each figure with the values of its rounds.
    func records(run: (inout JSONWriter) -> Void) -> String {
        var bytes = JSONWriter.line { writer in
            writer.member("record", "run")
            run(&writer)
        }
        for row in rows {
            bytes += JSONWriter.line { writer in
                writer.member("record", "figure")
                writer.member("row", row.scenario)
                writer.member("figure", row.figure)
                writer.member("unit", row.unit)
                writer.member("median", json: Array("\(row.median)".utf8))
                if let ratio = ratio(of: row) { writer.member("inPings", json: Array("\(ratio)".utf8)) }
                let values = row.values.map { "\($0)" }.joined(separator: ",")
                writer.member("rounds", json: Array("[\(values)]".utf8))
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

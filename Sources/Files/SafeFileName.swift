import Wire

/// A name under which somebody else's file may lie on this machine: one component, that no program takes for a path, an
/// option or a hidden file, and that looks like what it is.
package struct SafeFileName: Hashable, Sendable {
    package let text: String

    /// Makes the best of `label`, which somebody else chose.
    package init(_ label: String) {
        // What stands behind the last separator, also that of other systems.
        let last = label.unicodeScalars.split(omittingEmptySubsequences: true) { $0 == "/" || $0 == "\\" }.last
        var kept = String.UnicodeScalarView()
        kept.append(contentsOf: (last ?? "".unicodeScalars[...]).lazy.filter { !SafeText.isHarmful($0) })
        let trimmed = kept.drop { $0 == "." || $0 == "-" || $0.properties.isWhitespace }
        var name = String(String.UnicodeScalarView(trimmed))
        while let end = name.unicodeScalars.last, end.properties.isWhitespace { name.unicodeScalars.removeLast() }
        text = name.isEmpty ? "file" : SafeFileName.cut(name)
    }

    /// Another name where the first one is taken: `name (1).ext`.
    package static func numbered(_ name: String, _ number: Int) -> String {
        let (stem, ending) = parts(name)
        return "\(stem) (\(number))\(ending)"
    }

    /// Shortens at a boundary between characters, and keeps a short extension.
    private static func cut(_ name: String) -> String {
        guard name.utf8.count > bytesMax else { return name }
        let (stem, ending) = parts(name)
        var count = ending.utf8.count
        var short = ""
        for character in stem {
            count += character.utf8.count
            guard count <= bytesMax else { break }
            short.append(character)
        }
        return short.isEmpty ? "file" + ending : short + ending
    }

    /// The name before its extension, and the extension with its dot; the latter empty if there is none that is short.
    private static func parts(_ name: String) -> (stem: String, ending: String) {
        guard let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")), dot > name.startIndex else { return (name, "") }
        let (stem, ending) = (String(name[..<dot]), String(name[dot...]))
        return (2...endingBytesMax).contains(ending.utf8.count) ? (stem, ending) : (name, "")
    }

    /// File systems take 255; numbers and what people append need some of them.
    package static let bytesMax = 200
    /// With its dot. What is longer is no extension but a sentence.
    private static let endingBytesMax = 17
}

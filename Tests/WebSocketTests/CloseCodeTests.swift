import Testing
import WebSocket

/// All 65536 codes against the ranges of RFC 6455 §7.4 and its registry.
@Test func codesOnTheWire() {
    let named: Set<UInt16> = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014]
    for value in UInt16.min...UInt16.max {
        let expected = named.contains(value) || value >= 3000 && value <= 4999
        #expect(CloseCode(rawValue: value).isValidOnTheWire == expected, "\(value)")
    }
}

@Test func codesThatStandForNothingSentAreNotSendable() {
    for code in [CloseCode.noCode, .abnormal, .failedTLS] { #expect(!code.isValidOnTheWire) }
}

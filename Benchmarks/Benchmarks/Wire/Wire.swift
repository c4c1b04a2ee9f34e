import Benchmark
import CAllocationCount
import Foundation
import NIOCore
import Rookery
import RookeryCore
import RookeryWire

// An iteration repeats the work of its benchmark by the scaling factor. The reported figures are per repetition.
// `CAllocationCount` counts the allocations.

@Message
struct Booking: Codable {
    var id: Int
    var status: String
    var petName: String
    var vendorId: Int
    var startsAt: String
    var total: Double
    var notes: String?
}

@Message
struct BookingList: Codable {
    var bookings: [Booking]
}

let allocations = BenchmarkMetric.custom("allocations", polarity: .prefersSmaller, useScalingFactor: true)

func booking(_ id: Int) -> Booking {
    Booking(
        id: id, status: "confirmed", petName: "Zofie", vendorId: 7, startsAt: "2026-01-01T10:00:00.000Z", total: 42.5,
        notes: nil)
}

func counted(_ benchmark: Benchmark, _ body: () throws -> Void) rethrows {
    let before = allocation_count()
    benchmark.startMeasurement()
    for _ in benchmark.scaledIterations { try body() }
    benchmark.stopMeasurement()
    benchmark.measurement(allocations, Int(allocation_count() - before))
}

func frame(_ body: String) -> [UInt8] { Array("\(body.utf16.count)#\(body)".utf8) }

/// Returns a frame with an array of numbers, of about `size` bytes.
func largeFrame(_ size: Int) -> [UInt8] {
    frame(
        #"{"pattern":"p","data":["# + Array(repeating: "1234567", count: size / 8).joined(separator: ",")
            + #"],"id":"1"}"#)
}

let benchmarks: @Sendable () -> Void = {
    let metrics: [BenchmarkMetric] = [.instructions, .wallClock, allocations]
    func settings(_ factor: BenchmarkScalingFactor) -> Benchmark.Configuration {
        Benchmark.Configuration(metrics: metrics, warmupIterations: 3, scalingFactor: factor, maxDuration: .seconds(1))
    }

    let one = booking(1)
    let list = BookingList(bookings: (0..<1000).map(booking))
    let forms: [(String, BenchmarkScalingFactor)] = [("a booking", .kilo), ("1000 bookings", .one)]

    func codec<Value: MessageValue & Codable>(_ what: String, _ factor: BenchmarkScalingFactor, _ value: Value) {
        for format in ValueFormat.allCases {
            let bytes = value.bytes(as: format)
            Benchmark("encode \(what), \(format.name)", configuration: settings(factor)) { benchmark in
                var writer = ValueWriter(capacity: bytes.count + 64, format: format)
                counted(benchmark) {
                    writer.reset(keeping: .max)
                    value._encode(to: &writer)
                    blackHole(writer.count)
                }
            }
            Benchmark("decode \(what), \(format.name)", configuration: settings(factor)) { benchmark in
                try counted(benchmark) {
                    blackHole(
                        try bytes.withUnsafeBytes { try Value._decode($0, format: format, rules: .all) })
                }
            }
        }
        let text = Data(value.json.utf8)
        Benchmark("encode \(what), Foundation", configuration: settings(factor)) { benchmark in
            let encoder = JSONEncoder()
            try counted(benchmark) { blackHole(try encoder.encode(value)) }
        }
        Benchmark("decode \(what), Foundation", configuration: settings(factor)) { benchmark in
            let decoder = JSONDecoder()
            try counted(benchmark) { blackHole(try decoder.decode(Value.self, from: text)) }
        }
    }
    codec(forms[0].0, forms[0].1, one)
    codec(forms[1].0, forms[1].1, list)

    let request = frame(#"{"pattern":{"cmd":"get-booking"},"data":{"id":1},"id":"1"}"#)
    let burst = ByteBuffer(bytes: Array(repeating: request, count: 1000).flatMap { $0 })
    let table = RouteTable((0..<50).map { #"{"cmd":"command-\#($0)"}"# } + [#"{"cmd":"get-booking"}"#])
    let pattern = Array(#"{"cmd":"get-booking"}"#.utf8)

    Benchmark("decode, scan and route a request", configuration: settings(.kilo)) { benchmark in
        // 1000 requests in one buffer, as after a burst.
        var decoder = FrameDecoder()
        decoder.append(burst)
        try counted(benchmark) {
            guard let body = try decoder.next() else { return }
            let scan = try PacketScan(body)
            blackHole(body.withBytes(of: scan.pattern) { table.lookUp(received: $0) })
        }
    }
    Benchmark("find a route", configuration: settings(.kilo)) { benchmark in
        counted(benchmark) { blackHole(pattern.withUnsafeBytes { table.lookUp(received: $0) }) }
    }
    Benchmark("enter and remove a pending call", configuration: settings(.kilo)) { benchmark in
        var pending = PendingTable<Int>(capacity: 1024)
        counted(benchmark) {
            let id = pending.insert(1)
            blackHole(pending.remove(id))
        }
    }

    // Cost per byte: 8 MiB in frames of 8 KiB or in one frame, each whole or in slices.
    let small = ByteBuffer(bytes: largeFrame(8 * 1024))
    let large = ByteBuffer(bytes: largeFrame(8 * 1024 * 1024 - 64))
    Benchmark("8 MiB in frames of 8 KiB", configuration: settings(.one)) { benchmark in
        try counted(benchmark) {
            for _ in 0..<1024 {
                var decoder = FrameDecoder()
                decoder.append(small)
                blackHole(try decoder.next().map { try PacketScan($0) })
            }
        }
    }
    Benchmark("8 MiB in one frame", configuration: settings(.one)) { benchmark in
        try counted(benchmark) {
            var decoder = FrameDecoder()
            decoder.append(large)
            blackHole(try decoder.next().map { try PacketScan($0) })
        }
    }
    for (name, source) in [("frames of 8 KiB", small), ("one frame", large)] {
        Benchmark("8 MiB in \(name), in slices of 1 KiB", configuration: settings(.one)) { benchmark in
            try counted(benchmark) {
                for _ in 0..<(source.readableBytes < 1 << 20 ? 1024 : 1) {
                    var decoder = FrameDecoder()
                    var rest = source
                    while let slice = rest.readSlice(length: min(1024, rest.readableBytes)), slice.readableBytes > 0 {
                        decoder.append(slice)
                        if let body = try decoder.next() { blackHole(try PacketScan(body)) }
                    }
                }
            }
        }
    }
}

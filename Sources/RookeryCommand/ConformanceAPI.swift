import Rookery

/// The contract on which rates are measured.
@Contract
protocol ConformanceAPI: Sendable {
    @MessagePattern(cmd: "get-booking", .safe)
    func getBooking(_ request: GetConformanceBooking) async throws -> ConformanceBooking

    /// Numbers from 1 on: streams are measured on it.
    @StreamPattern(cmd: "count")
    func count(_ request: CountTo) async throws -> MessageStream<Int>
}

const std = @import("std");

pub fn main() !void {
    const address = try std.net.Address.parseIp("127.0.0.1", 8320);
    var listener = try address.listen(.{ .reuse_address = true });
    while (true) {
        const connection = try listener.accept();
        var buffer: [4096]u8 = undefined;
        var server = std.http.Server.init(connection, &buffer);
        var request = try server.receiveHead();
        try request.respond("Hello from Zig", .{});
    }
}

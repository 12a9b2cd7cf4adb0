import gleam/erlang/process
import mist
import wisp/wisp_mist

// Not its port: mist.port(9999)
pub fn main() {
  let assert Ok(_) =
    wisp_mist.handler(handle, "secret")
    |> mist.new
    |> mist.port(8400)
    |> mist.start_http
  process.sleep_forever()
}

fn handle(_) {
  wisp.ok()
}

import cats.effect.*
import com.comcast.ip4s.*
import org.http4s.ember.server.EmberServerBuilder

object Main extends IOApp.Simple:
  def run = EmberServerBuilder.default[IO].withPort(port"8470").build.useForever

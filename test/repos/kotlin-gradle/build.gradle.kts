plugins {
    kotlin("jvm") version "2.0.0"
    application
}

// implementation("org.springframework.boot:spring-boot-starter-web")
repositories { mavenCentral() }

dependencies {
    implementation("io.ktor:ktor-server-netty:2.3.12")
}

kotlin { jvmToolchain(17) }

application { mainClass.set("com.example.AppKt") }

<?php

namespace Example;

final class Slug
{
}

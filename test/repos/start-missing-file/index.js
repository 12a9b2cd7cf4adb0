require('express')().listen(3900);

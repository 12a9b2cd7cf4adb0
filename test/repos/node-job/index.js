const words = ['one', 'two', 'three'];
console.log(`counted ${words.length} words`);
